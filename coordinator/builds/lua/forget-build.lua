-- The files of a final build are gone, or about to go: whoever asks the same gets them made anew.
-- a: requestHash, generation. answers: status = forgotten | gone
local build = redis.call('HMGET', build_key(a.requestHash), 'generation', 'state')
if build[1] ~= a.generation or next(MOVES[build[2]] or {}) ~= nil then return answer({ status = 'gone' }) end
redis.call('DEL', build_key(a.requestHash))
return answer({ status = 'forgotten' })
