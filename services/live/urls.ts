import { LATEST, type Json } from '../model/index.ts'
import type { Reader } from '../store/index.ts'

/** How browsers of other origins may call; members as AWS names them. */
export interface LiveCors {
  readonly AllowCredentials?: boolean
  readonly AllowHeaders?: readonly string[]
  readonly AllowMethods?: readonly string[]
  readonly AllowOrigins?: readonly string[]
  readonly ExposeHeaders?: readonly string[]
  readonly MaxAge?: number
}

/** One function URL with all that its requests are judged by. */
export interface LiveUrl {
  /** 32 lower-case characters: the first label of its host name. */
  readonly id: string
  readonly functionName: string
  /** `$LATEST` for the function itself, else an alias, which need not be there any more. */
  readonly qualifier: string
  readonly authType: 'NONE' | 'AWS_IAM'
  readonly invokeMode: 'BUFFERED' | 'RESPONSE_STREAM'
  readonly cors: LiveCors | undefined
  /** Of the resource policy of what the URL hangs on. */
  readonly statements: readonly { readonly [member: string]: Json | undefined }[]
}

interface UrlDocument {
  readonly UrlId?: string
  readonly AuthType?: string
  readonly InvokeMode?: string
  readonly Cors?: LiveCors
}

/** The URLs of one function, of aliases that have gone too. What cannot be read as one lets nobody in. */
export async function readUrls(
  reader: Reader,
  owner: { readonly id: string; readonly name: string },
): Promise<readonly LiveUrl[]> {
  const rows = await reader
    .selectFrom('function_setting')
    .select(['qualifier', 'document'])
    .where('function_id', '=', owner.id)
    .where('kind', '=', 'url')
    .execute()
  const urls: LiveUrl[] = []
  for (const row of rows) {
    const { UrlId: id, AuthType, InvokeMode, Cors } = JSON.parse(row.document) as UrlDocument
    if (id === undefined) continue
    urls.push(
      Object.freeze({
        id,
        functionName: owner.name,
        qualifier: row.qualifier,
        authType: AuthType === 'NONE' ? 'NONE' : 'AWS_IAM',
        invokeMode: InvokeMode === 'RESPONSE_STREAM' ? 'RESPONSE_STREAM' : 'BUFFERED',
        cors: Cors === undefined ? undefined : Object.freeze(Cors),
        statements: await readStatements(reader, owner.id, row.qualifier),
      }),
    )
  }
  return urls
}

async function readStatements(
  reader: Reader,
  owner: string,
  qualifier: string,
): Promise<LiveUrl['statements']> {
  const row = await reader
    .selectFrom('resource_policy')
    .select('document')
    .where('owner', '=', owner)
    .where('qualifier', '=', qualifier === LATEST ? '' : qualifier)
    .executeTakeFirst()
  if (row === undefined) return []
  const { Statement } = JSON.parse(row.document) as { readonly Statement: LiveUrl['statements'] }
  return Object.freeze(Statement)
}
