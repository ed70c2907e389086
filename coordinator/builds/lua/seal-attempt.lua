-- An attempt ended: it wins, its build enters `publishing`, and every other attempt is refused from now on.
-- a: key, requestHash, generation, attempt, nonce, sealed
-- answers: status = sealed | already (the same attempt sealed before) | lost
if not holds(a.key, a.nonce) then
  local build = redis.call('HMGET', build_key(a.requestHash), 'generation', 'winner', 'winnerNonce')
  if build[1] == a.generation and tonumber(build[2] or '0') == a.attempt and build[3] == a.nonce then
    return answer({ status = 'already' })
  end
  return answer({ status = 'lost' })
end
local attempt = redis.call('HMGET', P .. 'attempt:' .. a.key, 'builder', 'startedAt', 'isAdopted')
-- When an adopted one began is not known.
if attempt[1] and not attempt[3] then
  local durations = P .. 'durations:' .. attempt[1]
  redis.call('LPUSH', durations, now() - tonumber(attempt[2]))
  redis.call('LTRIM', durations, 0, 49)
  redis.call('EXPIRE', durations, 2592000)
end
enter_publishing(a.requestHash, a.attempt, a.sealed)
redis.call('HSET', build_key(a.requestHash), 'winnerNonce', a.nonce)
end_attempt(a.key)
return answer({ status = 'sealed' })
