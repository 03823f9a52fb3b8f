/** The client went away before it was answered; nobody is left to be told. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone'
}
