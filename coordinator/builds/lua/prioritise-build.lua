-- Lets a queued build be claimed before all others of its builder. Safe to repeat.
-- a: requestHash. answers: status = first | gone
local key = build_key(a.requestHash)
local build = redis.call('HMGET', key, 'state', 'lane', 'builder')
if build[1] ~= 'queued' then return answer({ status = 'gone' }) end
local set = P .. 'waiting:' .. build[2] .. ':' .. build[3]
local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
if first[1] and first[1] ~= a.requestHash then
  local score = integer(tonumber(first[2]) - 1)
  redis.call('HSET', key, 'score', score)
  if redis.call('ZSCORE', set, a.requestHash) then redis.call('ZADD', set, score, a.requestHash) end
end
return answer({ status = 'first' })
