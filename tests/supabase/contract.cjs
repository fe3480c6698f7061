// The frontend: the description's snippets as printed, and every documented column. Run by test_frontend.py, which plays
// the poller; reports one JSON line per step.

const assert = require('node:assert/strict')
const { createClient } = require('@supabase/supabase-js')
const { supabase: signedIn } = require('@/lib/supabase')
const helper = require('@/lib/workload-recommendations')
const { pollForRecommendations } = helper

const { USER_ID, USER_TOKEN, COLUMNS } = process.env
const say = (step, value = null) => console.log(JSON.stringify({ step, value }))

async function submit(name) {
  const { data, error } = await signedIn
    .from('compute_workloads')
    .insert({ workload_name: name, user_id: USER_ID, urgency: 'HIGH', metadata: { user_request: { note: name } } })
    .select()
    .single()
  assert.equal(error, null)
  return data
}

async function asDescribed(supabase, workloadId) {
  const said = []
  const console = { log: (...words) => said.push(words) }
  // ---- as printed in the description
// Get recommendations
const { data } = await supabase
  .from('compute_workloads')
  .select('*')
  .eq('id', workloadId)
  .single()

if (data.agent_status === 'completed') {
  console.log('Recommendation:', data.decision_summary)
  console.log('Region:', data.recommended_region)
  console.log('Cost:', data.recommended_cost_gbp)
}
  // ---- end
  return { data, said }
}

async function main() {
  const { error } = await signedIn.auth.setSession({ access_token: USER_TOKEN, refresh_token: 'unused' })
  assert.equal(error, null)

  const inserted = await submit('contract')
  assert.equal(inserted.status, 'pending')
  assert.equal(inserted.agent_status, 'pending')
  assert.deepEqual((await asDescribed(signedIn, inserted.id)).said, [])
  say('submitted', inserted.id)

  const states = []
  const first = pollForRecommendations(inserted.id, { interval: 20, timeout: 20_000, onUpdate: (row) => states.push(row.agent_status) })
  const workloadId = inserted.id
  // ---- as printed in the description
const rec = await pollForRecommendations(workloadId)
  // ---- end
  assert.equal((await first).summary, rec.summary)
  assert.deepEqual([...new Set(states)].at(-1), 'completed')
  assert.equal(rec.options.length, 3)
  assert.equal(rec.options[1].reason, 'pricing')
  assert.ok(rec.windowEnd > rec.windowStart)

  const { data, said } = await asDescribed(signedIn, workloadId)
  assert.deepEqual(said, [
    ['Recommendation:', rec.summary],
    ['Region:', rec.options[0].region],
    ['Cost:', rec.options[0].costGbp],
  ])
  for (const column of COLUMNS.split(',')) assert.ok(column in data, `column ${column} is missing`)
  assert.deepEqual(data.metadata.user_request, { note: 'contract' })
  const view = await signedIn.from('workloads_with_recommendations').select('*').eq('id', workloadId).single()
  assert.equal(view.data.recommended_region_name, 'North Scotland')
  say('completed', data)

  const doomed = await submit('doomed')
  await assert.rejects(pollForRecommendations(doomed.id, { interval: 20 }), { name: 'WorkloadFailed', message: 'No window meets the cap.' })
  say('failed')

  const cancelled = await submit('ignored')
  await signedIn.from('compute_workloads').update({ status: 'cancelled' }).eq('id', cancelled.id)
  await assert.rejects(pollForRecommendations(cancelled.id, { interval: 20 }), { name: 'WorkloadCancelled' })

  const again = await signedIn.from('compute_workloads').update({ status: 'pending' }).eq('id', workloadId).select().single()
  assert.equal(again.error, null)
  await assert.rejects(pollForRecommendations(workloadId, { interval: 5, timeout: 50 }), { name: 'RecommendationTimeout' })
  say('resubmitted', workloadId)
  assert.equal((await pollForRecommendations(workloadId, { interval: 20 })).summary, 'planned again')

  const stopped = AbortSignal.timeout(30)
  const waiting = await submit('ignored')
  await assert.rejects(pollForRecommendations(waiting.id, { interval: 1_000, signal: stopped }), { name: 'TimeoutError' })

  const unknown = '00000000-0000-4000-8000-00000000dead'
  await assert.rejects(pollForRecommendations(unknown), { message: /does not exist or is not yours/ })
  const stranger = createClient(process.env.NEXT_PUBLIC_SUPABASE_URL, process.env.NEXT_PUBLIC_SUPABASE_ANON_KEY)
  await assert.rejects(pollForRecommendations(workloadId, { client: stranger }), { message: /does not exist or is not yours/ })
  const closed = createClient('http://127.0.0.1:1', 'key')
  await assert.rejects(pollForRecommendations(workloadId, { client: closed, interval: 5, timeout: 50 }), { name: 'RecommendationTimeout' })
  say('done')
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error)
    process.exit(1)
  },
)
