-- What every transition shares; put before each script of this folder. One argument, a JSON object, is `a`; the answer is
-- JSON. Keys are made from arguments: this Redis is one server (with replicas), never a cluster.
--
-- build:<hash>              hash    one build, see build-store.ts
-- attempt:<key>             hash    one live attempt: agentId, builder, nonce, state (granted, running), startedAt, stream (its
--                                   newest one), session and sequence of the pull it was granted to, isAdopted
-- leases                    zset    attempt key by the time its lease ends
-- waiting:<lane>:<builder>  zset    hashes of builds that may be claimed, by their score
-- waiting-sets              set     the non-empty ones of those, as <lane>:<builder>
-- virtual-time              string  an integer, the clock of the fair order (scheduling/fair-order.ts, of which this is the copy)
-- waiting-order             zset    every build of the waiting sets by its start tag
-- client-tags               hash    owner (<class>:<client>) to the finish tag of the newest build it has in that class
-- client-waiting            hash    owner to how many of its builds are in waiting-order
-- queued                    zset    every queued build by the time it was accepted
-- delayed                   zset    queued builds that may not be claimed yet, by the time they may
-- life                      string  a random mark, gone where Redis lost its data
-- whole                     string  that mark, once Redis has all unfinished builds, as far as their second copies tell
-- keeper-lock, keeper-term  string  the coordinator whose keeper works, and how often that changed: its fence
-- unpublished               zset    builds whose messages on NATS were not confirmed, by the time they were accepted
-- unpurged                  zset    final builds whose second copy on NATS is not confirmed gone, by the time they became final
-- publishing                zset    builds on their way to a final state, by the time they entered it
-- agent:<id>                hash    newest pull of an agent
-- agent-replaced:<id>:<s>   string  an earlier session of an agent; its pulls are not heard any more
-- drained-agents            set     agents that the operator lets take no more work
-- agent-attempts:<id>       set     keys of the attempts it holds
-- warming                   zset    <builder>|<agent> by the time until which the order to fetch holds
-- warm-pauses               zset    the same by the time until which an agent that failed to is not asked again
-- durations:<builder>       list    how long its newest attempts took, milliseconds, the newest first
-- log:<attempt key>         list    log chunks; the index is the chunk's number
-- call:<random>             string  what a call was answered, for a minute
local P = 'wrtfarm:'
local a = cjson.decode(ARGV[1])

-- A client whose connection broke sends again what was not answered, though it may have been done: then it is told what was answered.
local call_key = a.call and P .. 'call:' .. a.call
local known_answer = call_key and redis.call('GET', call_key)
if known_answer then return known_answer end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The table of legal moves, as in shared/domain/build.ts; a test holds them equal.
local MOVES = {
  queued = { running = true, publishing = true },
  running = { queued = true, publishing = true },
  publishing = { done = true, failed = true, cancelled = true },
  done = {},
  failed = {},
  cancelled = {},
}

local function build_key(hash)
  return P .. 'build:' .. hash
end

-- The same for attempts, as in shared/domain/attempt-state.ts.
local ATTEMPT_MOVES = {
  absent = { granted = true, running = true },
  granted = { running = true, absent = true },
  running = { running = true, absent = true },
}

-- Ends the script with an error that names both states, unless the table has the move.
local function check_move(moves, what, from, to)
  if not (moves[from] and moves[from][to]) then
    error({ err = 'ILLEGAL_MOVE ' .. what .. ' cannot go from ' .. from .. ' to ' .. to })
  end
end

-- Moves a build, if it may.
local function move(hash, to)
  check_move(MOVES, 'build ' .. hash, redis.call('HGET', build_key(hash), 'state') or 'absent', to)
  redis.call('HSET', build_key(hash), 'state', to)
end

-- Moves an attempt, if it may; with `absent` it is gone.
local function move_attempt(key, to)
  local name = P .. 'attempt:' .. key
  check_move(ATTEMPT_MOVES, 'attempt ' .. key, redis.call('HGET', name, 'state') or 'absent', to)
  if to == 'absent' then redis.call('DEL', name) else redis.call('HSET', name, 'state', to) end
end

local function answer(value)
  local text = cjson.encode(value)
  if call_key then redis.call('SET', call_key, text, 'EX', 60) end
  return text
end

-- The numbers of scheduling/fair-order.ts; a test holds the arithmetic equal.
local BUILD_COST = 1048576
local CLASS_OFFSET = { device = 0, bulk = 4 * BUILD_COST }
local MAX_WEIGHT = 1024

-- An integer as Redis is to keep it: tostring keeps 14 digits only.
local function integer(value)
  return string.format('%.0f', value)
end

-- Takes a build off the fair order. Safe to repeat: only who was in it is counted off its owner. With its last waiting build an
-- owner is forgotten; also with one that never got into it, because it was put back, held back and then adopted or ended.
local function leave_order(hash, owner)
  local was_in = redis.call('ZREM', P .. 'waiting-order', hash) == 1
  if owner then
    local waiting = was_in and redis.call('HINCRBY', P .. 'client-waiting', owner, -1)
      or tonumber(redis.call('HGET', P .. 'client-waiting', owner) or '0')
    if waiting <= 0 then
      redis.call('HDEL', P .. 'client-waiting', owner)
      redis.call('HDEL', P .. 'client-tags', owner)
    end
  end
  if redis.call('EXISTS', P .. 'waiting-order') == 0 then
    -- Whatever was miscounted beside an older coordinator ends here.
    redis.call('DEL', P .. 'client-waiting', P .. 'client-tags')
  end
end

-- Puts a queued build where agents find it; its score was fixed when it was accepted, so it keeps its place. One that is delayed
-- is not there, so it counts as waiting again only from here on. An older coordinator's build has neither start tag nor owner.
local function enter_waiting(hash)
  local build = redis.call('HMGET', build_key(hash), 'lane', 'builder', 'score', 'startTag', 'owner')
  local set = build[1] .. ':' .. build[2]
  redis.call('ZADD', P .. 'waiting:' .. set, build[3], hash)
  redis.call('SADD', P .. 'waiting-sets', set)
  redis.call('ZREM', P .. 'delayed', hash)
  local is_added = redis.call('ZADD', P .. 'waiting-order', build[4] or build[3], hash) == 1
  if is_added and build[5] then redis.call('HINCRBY', P .. 'client-waiting', build[5], 1) end
end

local function leave_waiting(hash)
  local build = redis.call('HMGET', build_key(hash), 'lane', 'builder', 'owner')
  local set = build[1] .. ':' .. build[2]
  leave_order(hash, build[3])
  redis.call('ZREM', P .. 'waiting:' .. set, hash)
  if redis.call('EXISTS', P .. 'waiting:' .. set) == 0 then
    redis.call('SREM', P .. 'waiting-sets', set)
  end
  redis.call('ZREM', P .. 'delayed', hash)
  redis.call('ZREM', P .. 'queued', hash)
end

-- Makes a build, to wait on account of its owner from now on; `orderAtSubmit` says where.
-- a: requestHash, generation, lane, builder, digest, source, spec, client, priority (device, bulk), owner (<priority>:<client>), weight
local function create_queued(a, accepted_at)
  local key = build_key(a.requestHash)
  local virtual_time = redis.call('INCR', P .. 'virtual-time')
  local client_tag = tonumber(redis.call('HGET', P .. 'client-tags', a.owner) or '0')
  local start_tag = math.max(virtual_time, client_tag)
  local finish_tag = start_tag + math.floor(BUILD_COST / math.min(MAX_WEIGHT, math.max(1, a.weight)))
  redis.call('HSET', P .. 'client-tags', a.owner, integer(finish_tag))
  redis.call('DEL', key)
  redis.call('ZREM', P .. 'unpurged', a.requestHash)
  redis.call('HSET', key, 'requestHash', a.requestHash, 'generation', a.generation, 'state', 'queued', 'lane', a.lane,
    'builder', a.builder, 'digest', a.digest, 'source', a.source, 'spec', a.spec, 'client', a.client,
    'acceptedAt', integer(accepted_at), 'attempt', 0, 'lost', 0, 'owner', a.owner, 'weight', a.weight, 'startTag', integer(start_tag),
    'score', integer(start_tag + CLASS_OFFSET[a.priority]))
  redis.call('ZADD', P .. 'queued', integer(accepted_at), a.requestHash)
end

local function attempt_key(hash, generation, attempt)
  return hash .. '.' .. generation .. '.' .. attempt
end

-- Forgets a live attempt: from here on its lease fences nothing in.
local function end_attempt(key)
  local agent = redis.call('HGET', P .. 'attempt:' .. key, 'agentId')
  if agent then redis.call('SREM', P .. 'agent-attempts:' .. agent, key) end
  move_attempt(key, 'absent')
  redis.call('ZREM', P .. 'leases', key)
  redis.call('EXPIRE', P .. 'log:' .. key, 3600)
end

-- Whether the bearer of `nonce` holds the live attempt `key`.
local function holds(key, nonce)
  return redis.call('HGET', P .. 'attempt:' .. key, 'nonce') == nonce
end

-- Whether a pull that does not list an attempt shows that its agent knows nothing of it.
-- attempt: session, sequence and state of it. A running one of this session has its stream and lease to tell; the pull may be older
-- than its grant.
local function is_unknown(attempt, session, sequence)
  return attempt[1] ~= session or (attempt[3] == 'granted' and tonumber(attempt[2]) < sequence)
end

-- Whether an attempt lasts longer than any build may: then it hangs, however alive its agent is.
local function is_overdue(key, attempt_ms)
  local started = redis.call('HGET', P .. 'attempt:' .. key, 'startedAt')
  return started and now() - tonumber(started) > attempt_ms
end

-- Fixes how a build ends and what is to be made permanent; from here on every attempt of it is refused.
local function enter_publishing(hash, winner, sealed)
  move(hash, 'publishing')
  leave_waiting(hash)
  redis.call('HSET', build_key(hash), 'winner', winner, 'sealed', sealed, 'sealedAt', now())
  redis.call('ZADD', P .. 'publishing', now(), hash)
end
