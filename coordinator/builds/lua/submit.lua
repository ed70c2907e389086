-- Answers from the build of this hash, or creates it queued. One atomic step: equal requests make one build.
-- a: requestHash, generation, lane, builder, digest, source, spec, client, isPinned, maxQueued
-- answers: status = existing | created | full, queueLength
local key = build_key(a.requestHash)
local state = redis.call('HGET', key, 'state')
if state then
  local build = redis.call('HMGET', key, 'digest', 'isCacheable')
  local is_outdated = state == 'done' and not a.isPinned and build[1] ~= a.digest
  local is_forgettable = (state == 'failed' or state == 'cancelled') and build[2] ~= '1'
  if not is_outdated and not is_forgettable then return answer({ status = 'existing' }) end
end
local length = redis.call('ZCARD', P .. 'queued')
if length > a.maxQueued then return answer({ status = 'full', queueLength = length }) end
redis.call('DEL', key)
redis.call('ZREM', P .. 'unpurged', a.requestHash)
local score = redis.call('INCR', P .. 'virtual-time')
redis.call('HSET', key, 'requestHash', a.requestHash, 'generation', a.generation, 'state', 'queued', 'lane', a.lane,
  'builder', a.builder, 'digest', a.digest, 'source', a.source, 'spec', a.spec, 'client', a.client,
  'acceptedAt', now(), 'attempt', 0, 'lost', 0, 'score', score)
redis.call('ZADD', P .. 'queued', now(), a.requestHash)
redis.call('ZADD', P .. 'unpublished', now(), a.requestHash)
enter_waiting(a.requestHash)
return answer({ status = 'created' })
