// The ceiling for a POST: Fastify alone, in one process, that answers the JSON it was given.
import { fastify } from 'fastify'

const app = fastify()
app.post('/echo', async (request) => request.body)
console.log(
  `listening on ${await app.listen({ host: '127.0.0.1', port: Number(process.argv[2]) })}`,
)
