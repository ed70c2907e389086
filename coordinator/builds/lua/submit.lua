-- Answers from the build of this hash, or creates it queued. One atomic step: equal requests make one build.
-- a: requestHash, generation, lane, builder, digest, source, spec, client, isPinned, maxQueued, priority (device, bulk),
--    owner (<priority>:<client>), weight
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
-- As `orderAtSubmit`.
local virtual_time = redis.call('INCR', P .. 'virtual-time')
local client_tag = tonumber(redis.call('HGET', P .. 'client-tags', a.owner) or '0')
local start_tag = math.max(virtual_time, client_tag)
local finish_tag = start_tag + math.floor(BUILD_COST / math.min(MAX_WEIGHT, math.max(1, a.weight)))
redis.call('HSET', P .. 'client-tags', a.owner, integer(finish_tag))
redis.call('HSET', key, 'requestHash', a.requestHash, 'generation', a.generation, 'state', 'queued', 'lane', a.lane,
  'builder', a.builder, 'digest', a.digest, 'source', a.source, 'spec', a.spec, 'client', a.client,
  'acceptedAt', now(), 'attempt', 0, 'lost', 0, 'owner', a.owner, 'startTag', integer(start_tag),
  'score', integer(start_tag + CLASS_OFFSET[a.priority]))
redis.call('ZADD', P .. 'queued', now(), a.requestHash)
redis.call('ZADD', P .. 'unpublished', now(), a.requestHash)
enter_waiting(a.requestHash)
return answer({ status = 'created' })
