-- An attempt is over without a result: its build is queued again, or after too many losses on its way to `failed`.
-- a: key, requestHash, generation, trouble, isCounted, maxLost, delaysMs, avoidMs, exhausted;
--    expiredInTerm: its lease must have ended, and the keeper of this term be the keeper still; or nonce: of its holder; or
--    unlistedBy = {session, sequence}: of a pull that does not list it, and that may be overtaken by the opening of its stream; or
--    none of them. A grant that was never taken up is not
--    counted, but for every fifth in a row: something about it keeps agents from it.
-- answers: status = queued (lane, builder) | delayed | exhausted | current (not over after all), agentId, isCounted
local attempt = redis.call('HMGET', P .. 'attempt:' .. a.key, 'agentId', 'nonce', 'state')
if not attempt[1] then return answer({ status = 'current' }) end
if a.expiredInTerm then
  if redis.call('GET', P .. 'keeper-term') ~= a.expiredInTerm then return answer({ status = 'current' }) end
  local ends = redis.call('ZSCORE', P .. 'leases', a.key)
  if ends and tonumber(ends) > now() then return answer({ status = 'current' }) end
elseif a.nonce and attempt[2] ~= a.nonce then
  return answer({ status = 'current' })
elseif a.unlistedBy then
  local known = redis.call('HMGET', P .. 'attempt:' .. a.key, 'session', 'sequence', 'state')
  if not is_unknown(known, a.unlistedBy.session, a.unlistedBy.sequence) then return answer({ status = 'current' }) end
end
end_attempt(a.key)
local key = build_key(a.requestHash)
local build = redis.call('HMGET', key, 'generation', 'state', 'lane', 'builder')
if build[1] ~= a.generation or build[2] ~= 'running' then return answer({ status = 'current' }) end
local untaken = 0
if attempt[3] == 'granted' then untaken = redis.call('HINCRBY', key, 'untaken', 1) end
local is_counted = (a.isCounted and attempt[3] ~= 'granted') or (untaken > 0 and untaken % 5 == 0)
local lost = tonumber(redis.call('HGET', key, 'lost'))
if is_counted then
  lost = redis.call('HINCRBY', key, 'lost', 1)
  local troubles = redis.call('HGET', key, 'troubles')
  troubles = troubles and cjson.decode(troubles) or {}
  table.insert(troubles, a.trouble)
  redis.call('HSET', key, 'troubles', cjson.encode(troubles))
end
redis.call('HDEL', key, 'stage')
if lost >= a.maxLost then
  enter_publishing(a.requestHash, 0, a.exhausted)
  return answer({ status = 'exhausted', agentId = attempt[1], isCounted = is_counted })
end
move(a.requestHash, 'queued')
-- It had its turn, so it is behind nobody who comes later, also when it is delayed first: `scoreAtReturn`.
local virtual_time = tonumber(redis.call('GET', P .. 'virtual-time') or '0')
local score = tonumber(redis.call('HGET', key, 'score') or '0')
redis.call('HSET', key, 'score', integer(math.min(score, virtual_time)))
local accepted_at = redis.call('HGET', key, 'acceptedAt')
redis.call('ZADD', P .. 'queued', accepted_at, a.requestHash)
if a.avoidMs > 0 then
  redis.call('HSET', key, 'avoidAgent', attempt[1], 'avoidUntil', now() + a.avoidMs)
end
local delay = 0
if untaken > 1 then delay = 1000 elseif is_counted then delay = a.delaysMs[math.min(lost, #a.delaysMs)] end
if delay > 0 then
  redis.call('ZADD', P .. 'delayed', now() + delay, a.requestHash)
  return answer({ status = 'delayed', agentId = attempt[1], isCounted = is_counted })
end
enter_waiting(a.requestHash)
return answer({ status = 'queued', lane = build[3], builder = build[4], agentId = attempt[1], isCounted = is_counted })
