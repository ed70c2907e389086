-- Answers from the build of this hash, or creates it queued. One atomic step: equal requests make one build.
-- a: requestHash, generation, lane, builder, digest, source, spec, client, isPinned, maxQueued, priority (device, bulk),
--    owner (<priority>:<client>), weight
--    since: a mark of Redis' life, to create nothing in another one; maxQueuedOfOwner: absent for no limit
-- answers: status = existing | created | otherLife | full, queueLength | ownerFull
local key = build_key(a.requestHash)
local state = redis.call('HGET', key, 'state')
if state then
  local build = redis.call('HMGET', key, 'digest', 'isCacheable')
  local is_outdated = state == 'done' and not a.isPinned and build[1] ~= a.digest
  local is_forgettable = (state == 'failed' or state == 'cancelled') and build[2] ~= '1'
  if not is_outdated and not is_forgettable then return answer({ status = 'existing' }) end
end
if a.since ~= redis.call('GET', P .. 'life') then return answer({ status = 'otherLife' }) end
local length = redis.call('ZCARD', P .. 'queued')
if length > a.maxQueued then return answer({ status = 'full', queueLength = length }) end
local of_owner = tonumber(redis.call('HGET', P .. 'client-waiting', a.owner) or '0')
if a.maxQueuedOfOwner and of_owner >= a.maxQueuedOfOwner then return answer({ status = 'ownerFull' }) end
create_queued(a, now())
redis.call('ZADD', P .. 'unpublished', now(), a.requestHash)
enter_waiting(a.requestHash)
return answer({ status = 'created' })
