// Loaded once by node.mjs before there is code of a function, and forgotten again.
exports.handler = async (event) => event
