-- The messages of a build are on NATS. Of one that took its place meanwhile they are to be sent once more: these may have come after them.
-- a: requestHash, generation ('' for none). answers: status = noted | other (there is another build, or none)
local build = redis.call('HMGET', build_key(a.requestHash), 'generation', 'state')
if (build[1] or '') ~= a.generation then
  if next(MOVES[build[2]] or {}) ~= nil then redis.call('ZADD', P .. 'unpublished', 'NX', now(), a.requestHash) end
  return answer({ status = 'other' })
end
redis.call('ZREM', P .. 'unpublished', a.requestHash)
return answer({ status = 'noted' })
