-- Lets one agent fetch a builder, unless the farm has changed since this was decided: another fetch of the same builder was
-- planned, the agent got another order, or enough fetches are under way.
-- a: builder, agentId, seenFetches (of this builder, when it was decided), maxFetches, planMs
-- answers: status = planned | refused
local warming = P .. 'warming'
redis.call('ZREMRANGEBYSCORE', warming, '-inf', now())
local paused_until = redis.call('ZSCORE', P .. 'warm-pauses', a.builder .. '|' .. a.agentId)
if paused_until and tonumber(paused_until) > now() then return answer({ status = 'refused' }) end
local members = redis.call('ZRANGE', warming, 0, -1)
local same = 0
for _, member in ipairs(members) do
  if string.sub(member, 1, #a.builder + 1) == a.builder .. '|' then same = same + 1 end
  if string.sub(member, -#a.agentId - 1) == '|' .. a.agentId then return answer({ status = 'refused' }) end
end
if #members >= a.maxFetches or same > a.seenFetches then return answer({ status = 'refused' }) end
redis.call('ZADD', warming, now() + a.planMs, a.builder .. '|' .. a.agentId)
return answer({ status = 'planned' })
