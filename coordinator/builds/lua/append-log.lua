-- Keeps a log chunk if it is the next one; a chunk held already is passed over, one after a gap is not taken.
-- a: key, nonce, sequence, maxBytes; ARGV[2]: the chunk
-- answers: status = kept | full | lost, nextSequence
if not holds(a.key, a.nonce) then return answer({ status = 'lost' }) end
local log = P .. 'log:' .. a.key
local next_sequence = redis.call('LLEN', log)
if a.sequence ~= next_sequence then return answer({ status = 'kept', nextSequence = next_sequence }) end
local bytes = redis.call('HINCRBY', P .. 'attempt:' .. a.key, 'logBytes', #ARGV[2])
if bytes > a.maxBytes then return answer({ status = 'full', nextSequence = next_sequence }) end
redis.call('RPUSH', log, ARGV[2])
redis.call('EXPIRE', log, 86400)
return answer({ status = 'kept', nextSequence = next_sequence + 1 })
