-- Ends a build that is not final yet, whoever makes it: its attempt is refused from now on.
-- a: requestHash, generation, sealed. answers: status = sealed | gone, agentId (who was making it)
local build = redis.call('HMGET', build_key(a.requestHash), 'generation', 'state', 'attempt')
if build[1] ~= a.generation or (build[2] ~= 'queued' and build[2] ~= 'running') then return answer({ status = 'gone' }) end
local result = { status = 'sealed' }
if build[2] == 'running' then
  local key = attempt_key(a.requestHash, a.generation, build[3])
  local agent = redis.call('HGET', P .. 'attempt:' .. key, 'agentId')
  if agent then result.agentId = agent end
  end_attempt(key)
end
enter_publishing(a.requestHash, 0, a.sealed)
return answer(result)
