// A host that functions may be let out to, in a network of its own: TLS on 443, which tells how many connections are open,
// and plain HTTP on 8080. Says when it listens. Arguments: key and certificate.
import { readFileSync } from 'node:fs'
import { createServer as createPlain } from 'node:http'
import { createServer } from 'node:https'

const [, , key, cert] = process.argv
const answer = (text) => (_request, response) => response.end(text)
const secure = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, answer('by TLS'))
const plain = createPlain(answer('in plain'))
secure.listen(443, () => plain.listen(8080, () => process.stdout.write('listens\n')))
