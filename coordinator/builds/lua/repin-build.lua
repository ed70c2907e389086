-- Upstream offers another archive of a queued build's builder now: the build is made with that one.
-- a: requestHash, generation, digest, source. answers: status = repinned | gone
local key = build_key(a.requestHash)
local build = redis.call('HMGET', key, 'generation', 'state')
if build[1] ~= a.generation or build[2] ~= 'queued' then return answer({ status = 'gone' }) end
redis.call('HSET', key, 'digest', a.digest, 'source', a.source)
return answer({ status = 'repinned' })
