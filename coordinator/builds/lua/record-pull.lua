-- Takes an agent's state in. What the agent should hold and does not is told to be revoked, what it holds and should not
-- to be cancelled.
-- a: agentId, session, sequence, slots, keepMs, attempts = list of {key, nonce}; ARGV[2]: the pull as text
-- An agent that the operator drains has no slots.
-- answers: status = newest | superseded, isDrained, revoke = list of attempt keys, cancel = list of attempt keys
local key = P .. 'agent:' .. a.agentId
local known = redis.call('HMGET', key, 'session', 'sequence')
local is_old = known[1] == a.session and tonumber(known[2]) >= a.sequence
if is_old or redis.call('EXISTS', P .. 'agent-replaced:' .. a.agentId .. ':' .. a.session) == 1 then
  return '{"status":"superseded"}'
end
if known[1] and known[1] ~= a.session then
  redis.call('SET', P .. 'agent-replaced:' .. a.agentId .. ':' .. known[1], '1', 'EX', 3600)
end
local is_drained = redis.call('SISMEMBER', P .. 'drained-agents', a.agentId) == 1
local slots = is_drained and 0 or a.slots
redis.call('HSET', key, 'session', a.session, 'sequence', a.sequence, 'slots', slots, 'pull', ARGV[2],
  'isSuspect', 0, 'isDrained', is_drained and 1 or 0)
redis.call('PEXPIRE', key, a.keepMs)
redis.call('ZADD', P .. 'agents', now(), a.agentId)
local listed, revoke, cancel = {}, {}, {}
for _, attempt in ipairs(a.attempts) do
  listed[attempt.key] = true
  if not holds(attempt.key, attempt.nonce) then
    local hash = string.sub(attempt.key, 1, 64)
    -- The winner waits to be told that its end is recorded; nothing of it is to be cancelled.
    if redis.call('HGET', build_key(hash), 'winnerNonce') ~= attempt.nonce then table.insert(cancel, attempt.key) end
  end
end
for _, held in ipairs(redis.call('SMEMBERS', P .. 'agent-attempts:' .. a.agentId)) do
  if not listed[held] then
    local attempt = redis.call('HMGET', P .. 'attempt:' .. held, 'session', 'sequence', 'state')
    if not attempt[1] then
      redis.call('SREM', P .. 'agent-attempts:' .. a.agentId, held)
    elseif is_unknown(attempt, a.session, a.sequence) then
      table.insert(revoke, held)
    end
  end
end
local result = { status = 'newest', isDrained = is_drained }
if #revoke > 0 then result.revoke = revoke end
if #cancel > 0 then result.cancel = cancel end
return answer(result)
