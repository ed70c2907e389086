-- Lets one agent fetch a builder, if builds wait that neither free warm slots nor fetches under way will serve.
-- a: builder, agentId, waitingCount, freeWarmSlots, maxWarming, planMs
-- answers: status = planned | enough
local warming = P .. 'warming'
redis.call('ZREMRANGEBYSCORE', warming, '-inf', now())
if redis.call('EXISTS', P .. 'warm-pause:' .. a.builder .. ':' .. a.agentId) == 1 then return answer({ status = 'enough' }) end
local members = redis.call('ZRANGE', warming, 0, -1)
local same = 0
for _, member in ipairs(members) do
  if string.sub(member, 1, #a.builder + 1) == a.builder .. '|' then same = same + 1 end
end
if #members >= a.maxWarming or a.waitingCount <= a.freeWarmSlots + same then return answer({ status = 'enough' }) end
redis.call('ZADD', warming, now() + a.planMs, a.builder .. '|' .. a.agentId)
return answer({ status = 'planned' })
