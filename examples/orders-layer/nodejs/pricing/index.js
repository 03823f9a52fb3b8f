const Big = require('big.js')

const TAX_PERCENT = { PT: 23, ES: 21, DE: 19 }

/** Decimal arithmetic on text, so that no cent is lost to binary fractions. */
exports.quote = (items, country, discountPercent) => {
  const net = items.reduce((sum, item) => sum.plus(Big(item.price).times(item.quantity)), Big(0))
  const discounted = net.times(Big(100).minus(discountPercent)).div(100)
  const tax = discounted.times(TAX_PERCENT[country] ?? 0).div(100)
  return { net: discounted.toFixed(2), tax: tax.toFixed(2), total: discounted.plus(tax).toFixed(2) }
}
