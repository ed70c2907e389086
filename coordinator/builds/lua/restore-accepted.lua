-- Puts an unfinished build back that only its second copy remembers. It is held back for a while, and until an attempt of it is granted
-- anew, the one that goes on somewhere may be adopted.
-- a: as `create_queued`, and acceptedAt, holdMs. answers: status = restored | existing | outdated
local build = redis.call('HMGET', build_key(a.requestHash), 'generation', 'state', 'acceptedAt')
if build[1] then
  if next(MOVES[build[2]] or {}) ~= nil then
    return answer({ status = build[1] == a.generation and 'existing' or 'outdated' })
  end
  -- What is final here came before the copy, unless it is its own end.
  if build[1] == a.generation or tonumber(build[3]) >= a.acceptedAt then return answer({ status = 'outdated' }) end
end
create_queued(a, a.acceptedAt)
-- No number of an attempt comes twice: files and logs of those before may still be there.
redis.call('HSET', build_key(a.requestHash), 'isRestored', '1', 'lastAttempt', math.max(0, now() - a.acceptedAt) + 1)
redis.call('ZADD', P .. 'delayed', now() + a.holdMs, a.requestHash)
return answer({ status = 'restored' })
