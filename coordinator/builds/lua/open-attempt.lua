-- The agent of an attempt opened its stream, for the first time or again.
-- a: key, requestHash, generation, attempt, nonce, leaseMs, stream (random for each stream), attemptMs
-- answers: status = open (nextLogSequence) | ended (this attempt won already) | lost
if holds(a.key, a.nonce) and not is_overdue(a.key, a.attemptMs) then
  move_attempt(a.key, 'running')
  redis.call('HSET', P .. 'attempt:' .. a.key, 'stream', a.stream)
  redis.call('HDEL', build_key(a.requestHash), 'untaken')
  redis.call('ZADD', P .. 'leases', now() + a.leaseMs, a.key)
  return answer({ status = 'open', nextLogSequence = redis.call('LLEN', P .. 'log:' .. a.key) })
end
local build = redis.call('HMGET', build_key(a.requestHash), 'generation', 'winner', 'winnerNonce')
if build[1] == a.generation and tonumber(build[2] or '0') == a.attempt and build[3] == a.nonce then
  return answer({ status = 'ended' })
end
return answer({ status = 'lost' })
