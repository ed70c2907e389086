-- Lets a queued build be claimed before all others, whatever builder they wait for: agents serve the first of all they have
-- warm. Safe to repeat.
-- a: requestHash. answers: status = first | gone
local key = build_key(a.requestHash)
local build = redis.call('HMGET', key, 'state', 'lane', 'builder')
if build[1] ~= 'queued' then return answer({ status = 'gone' }) end
local own = P .. 'waiting:' .. build[2] .. ':' .. build[3]
local smallest, smallest_hash
for _, name in ipairs(redis.call('SMEMBERS', P .. 'waiting-sets')) do
  local first = redis.call('ZRANGE', P .. 'waiting:' .. name, 0, 0, 'WITHSCORES')
  if first[1] and (not smallest or tonumber(first[2]) < smallest) then
    smallest, smallest_hash = tonumber(first[2]), first[1]
  end
end
if smallest and smallest_hash ~= a.requestHash then
  local score = integer(smallest - 1)
  redis.call('HSET', key, 'score', score)
  if redis.call('ZSCORE', own, a.requestHash) then redis.call('ZADD', own, score, a.requestHash) end
end
return answer({ status = 'first' })
