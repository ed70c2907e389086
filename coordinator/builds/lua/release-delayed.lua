-- Lets builds whose back-off is over be claimed again. answers: builds = list of requestHash, generation, attempt, lane, builder
local builds = {}
for _, hash in ipairs(redis.call('ZRANGEBYSCORE', P .. 'delayed', '-inf', now(), 'LIMIT', 0, 100)) do
  redis.call('ZREM', P .. 'delayed', hash)
  local build = redis.call('HMGET', build_key(hash), 'state', 'generation', 'attempt', 'lane', 'builder')
  if build[1] == 'queued' then
    enter_waiting(hash)
    table.insert(builds, {
      requestHash = hash, generation = build[2], attempt = tonumber(build[3]), lane = build[4], builder = build[5],
    })
  end
end
if #builds == 0 then return '{"builds":[]}' end
return answer({ builds = builds })
