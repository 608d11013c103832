/** All that a session has written and that is still kept, as text: its history, page by page from the end. */
import { answer, api } from '../../lib/api/client'

const PAGE_LINES = 5_000
/** Characters; about a minute of paging. What is older is left out, and said to be. */
const MOST = 64 * 1024 * 1024

export async function transcript(uid: string): Promise<string> {
  const pages: string[] = []
  let size = 0
  let before: number | null | undefined
  do {
    const query = { lines: PAGE_LINES, format: 'text' as const, ...(before == null ? {} : { before_cursor: before }) }
    const page = await answer(api.GET('/api/sessions/{id}/history', { params: { path: { id: uid }, query } }))
    const text = page.lines.join('\n')
    pages.unshift(text)
    size += text.length
    before = page.next_before
  } while (before !== null && size < MOST)
  return (before === null ? '' : '[what is older is left out]\n') + pages.join('\n')
}
