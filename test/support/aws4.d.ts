declare module 'aws4' {
  interface Aws4Request {
    host?: string
    method?: string
    path?: string
    service?: string
    region?: string
    body?: string | Buffer
    headers?: Record<string, string | number>
  }
  const aws4: {
    sign(
      request: Aws4Request,
      credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string },
    ): Aws4Request
  }
  // eslint-disable-next-line import/no-default-export -- the package has no other
  export default aws4
}
