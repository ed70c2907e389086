-- An agent holds the genuine lease of an attempt that Redis lost: its build, put back from its second copy and not granted anew, goes on
-- with it. Safe to repeat.
-- a: key, requestHash, generation, attempt, agentId, nonce, leaseMs. answers: status = adopted | current (it is known already) | refused | absent
if holds(a.key, a.nonce) then return answer({ status = 'current' }) end
local key = build_key(a.requestHash)
local build = redis.call('HMGET', key, 'generation', 'state', 'isRestored', 'builder')
if not build[1] then return answer({ status = 'absent' }) end
if build[1] ~= a.generation or build[2] ~= 'queued' or build[3] ~= '1' then return answer({ status = 'refused' }) end
move(a.requestHash, 'running')
leave_waiting(a.requestHash)
redis.call('HDEL', key, 'isRestored')
redis.call('HSET', key, 'stage', 'init', 'agentId', a.agentId, 'attempt', a.attempt)
move_attempt(a.key, 'running')
redis.call('HSET', P .. 'attempt:' .. a.key, 'agentId', a.agentId, 'builder', build[4], 'nonce', a.nonce, 'startedAt', now(),
  'session', '', 'sequence', 0, 'isAdopted', '1')
redis.call('SADD', P .. 'agent-attempts:' .. a.agentId, a.key)
redis.call('ZADD', P .. 'leases', now() + a.leaseMs, a.key)
return answer({ status = 'adopted' })
