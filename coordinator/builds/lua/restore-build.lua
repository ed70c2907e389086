-- Puts a finished build back that only its `build.json` remembers.
-- a: requestHash, generation, outcome, lane, builder, digest, source, spec, client, acceptedAt, attempt, answer, isCacheable,
--   expiresAt
-- answers: status = restored | existing | expired
local key = build_key(a.requestHash)
if redis.call('EXISTS', key) == 1 then return answer({ status = 'existing' }) end
if a.expiresAt <= now() then return answer({ status = 'expired' }) end
redis.call('HSET', key, 'requestHash', a.requestHash, 'generation', a.generation, 'state', a.outcome, 'lane', a.lane,
  'builder', a.builder, 'digest', a.digest, 'source', a.source, 'spec', a.spec, 'client', a.client,
  'acceptedAt', a.acceptedAt, 'attempt', a.attempt, 'lost', 0, 'answer', a.answer,
  'isCacheable', a.isCacheable and '1' or '0')
redis.call('PEXPIREAT', key, a.expiresAt)
return answer({ status = 'restored' })
