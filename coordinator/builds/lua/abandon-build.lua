-- A queued build cannot be made: on its way to a final state without any attempt having won.
-- a: requestHash, generation, sealed. answers: status = sealed | gone
local build = redis.call('HMGET', build_key(a.requestHash), 'generation', 'state')
if build[1] ~= a.generation or build[2] ~= 'queued' then return answer({ status = 'gone' }) end
enter_publishing(a.requestHash, 0, a.sealed)
return answer({ status = 'sealed' })
