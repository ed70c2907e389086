-- `build.json` is committed: the build is final. Safe to repeat.
-- a: requestHash, generation, attempt (that won, or 0), outcome, answer, isCacheable, keepMs
-- answers: status = finished | already | gone
local key = build_key(a.requestHash)
local build = redis.call('HMGET', key, 'generation', 'state', 'attempt')
if build[1] ~= a.generation then return answer({ status = 'gone' }) end
if build[2] == a.outcome then return answer({ status = 'already' }) end
if build[2] == 'queued' or build[2] == 'running' then
  -- Redis lost it, and it was put back while its `build.json` was written: nobody need make it any more.
  if build[2] == 'running' then end_attempt(attempt_key(a.requestHash, a.generation, build[3])) end
  enter_publishing(a.requestHash, a.attempt, '')
  redis.call('HSET', key, 'attempt', a.attempt)
end
move(a.requestHash, a.outcome)
redis.call('ZREM', P .. 'publishing', a.requestHash)
redis.call('ZREM', P .. 'unpublished', a.requestHash)
redis.call('ZADD', P .. 'unpurged', now(), a.requestHash)
-- Whoever asked for it is nobody's business any more.
redis.call('HDEL', key, 'sealed', 'stage', 'owner', 'weight', 'startTag', 'score')
redis.call('HSET', key, 'answer', a.answer, 'isCacheable', a.isCacheable and '1' or '0')
redis.call('PEXPIRE', key, a.keepMs)
-- The winner's log is kept as a file from here on; most of what Redis holds would be logs otherwise.
if a.attempt > 0 then redis.call('EXPIRE', P .. 'log:' .. attempt_key(a.requestHash, a.generation, a.attempt), 300) end
return answer({ status = 'finished' })
