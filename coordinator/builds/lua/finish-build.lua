-- `build.json` is committed: the build is final. Safe to repeat.
-- a: requestHash, generation, outcome, answer, isCacheable, keepMs
-- answers: status = finished | already | gone
local key = build_key(a.requestHash)
local build = redis.call('HMGET', key, 'generation', 'state')
if build[1] ~= a.generation then return answer({ status = 'gone' }) end
if build[2] == a.outcome then return answer({ status = 'already' }) end
move(a.requestHash, a.outcome)
redis.call('ZREM', P .. 'publishing', a.requestHash)
redis.call('ZREM', P .. 'unpublished', a.requestHash)
redis.call('ZADD', P .. 'unpurged', now(), a.requestHash)
-- Whoever asked for it is nobody's business any more.
redis.call('HDEL', key, 'sealed', 'stage', 'owner', 'weight', 'startTag', 'score')
redis.call('HSET', key, 'answer', a.answer, 'isCacheable', a.isCacheable and '1' or '0')
redis.call('PEXPIRE', key, a.keepMs)
return answer({ status = 'finished' })
