-- Gives the first eligible waiting build of a builder to the agent of one pull. It is looked for among the first thousand: so many of
-- another digest, or that avoid this agent, may come before it.
-- a: agentId, session, sequence, lane, builder, digest, nonce, grantMs
-- answers: status = granted (requestHash, generation, attempt, source, spec) | empty | ineligible | superseded | busy |
--   unknown (Redis lost the agent: it is to pull again)

-- Moves the clock for a claim, while the claimed build still waits: `virtualTimeAfterClaim`.
local function move_clock()
  local order = P .. 'waiting-order'
  local first = redis.call('ZRANGE', order, 0, 0, 'WITHSCORES')
  -- What an older coordinator let go is still in the order. It comes to its front in time, and must not stay there.
  while first[1] and redis.call('HGET', build_key(first[1]), 'state') ~= 'queued' do
    leave_order(first[1], redis.call('HGET', build_key(first[1]), 'owner'))
    first = redis.call('ZRANGE', order, 0, 0, 'WITHSCORES')
  end
  local virtual_time = tonumber(redis.call('GET', P .. 'virtual-time') or '0')
  local served = virtual_time + math.ceil(BUILD_COST / math.max(1, redis.call('ZCARD', order)))
  redis.call('SET', P .. 'virtual-time', integer(math.max(served, tonumber(first[2] or '0'))))
end

local agent = redis.call('HMGET', P .. 'agent:' .. a.agentId, 'session', 'sequence', 'slots')
if not agent[1] then return answer({ status = 'unknown' }) end
if agent[1] ~= a.session or tonumber(agent[2]) ~= a.sequence then return answer({ status = 'superseded' }) end
if redis.call('SCARD', P .. 'agent-attempts:' .. a.agentId) >= tonumber(agent[3]) then
  return answer({ status = 'busy' })
end
local set = P .. 'waiting:' .. a.lane .. ':' .. a.builder
if redis.call('EXISTS', set) == 0 then return answer({ status = 'empty' }) end

local PAGE, MOST = 100, 1000

local function is_eligible(hash)
  local build = redis.call('HMGET', build_key(hash), 'digest', 'avoidAgent', 'avoidUntil')
  return build[1] == a.digest and not (build[2] == a.agentId and now() < tonumber(build[3]))
end

local function first_eligible()
  for from = 0, MOST - PAGE, PAGE do
    local page = redis.call('ZRANGE', set, from, from + PAGE - 1)
    for _, hash in ipairs(page) do
      if is_eligible(hash) then return hash end
    end
    if #page < PAGE then return nil end
  end
end

local hash = first_eligible()
if not hash then return answer({ status = 'ineligible' }) end
local build = redis.call('HMGET', build_key(hash), 'generation', 'source', 'spec')
move_clock()
move(hash, 'running')
leave_waiting(hash)
local numbers = redis.call('HMGET', build_key(hash), 'attempt', 'lastAttempt')
local attempt = math.max(tonumber(numbers[1]), tonumber(numbers[2] or '0')) + 1
redis.call('HSET', build_key(hash), 'stage', 'init', 'agentId', a.agentId, 'attempt', attempt)
redis.call('HDEL', build_key(hash), 'isRestored', 'lastAttempt')
local key = attempt_key(hash, build[1], attempt)
move_attempt(key, 'granted')
redis.call('HSET', P .. 'attempt:' .. key, 'agentId', a.agentId, 'builder', a.builder, 'nonce', a.nonce, 'startedAt', now(),
  'session', a.session, 'sequence', a.sequence)
redis.call('SADD', P .. 'agent-attempts:' .. a.agentId, key)
redis.call('ZADD', P .. 'leases', now() + a.grantMs, key)
return answer({
  status = 'granted', requestHash = hash, generation = build[1], attempt = attempt, source = build[2], spec = build[3],
})
