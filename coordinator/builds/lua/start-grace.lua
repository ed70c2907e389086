-- The stream of a live attempt closed: its lease ends soon, unless another stream was opened meanwhile.
-- a: key, nonce, stream, graceMs
-- answers: status = shortened | passed
if not holds(a.key, a.nonce) then return answer({ status = 'passed' }) end
if redis.call('HGET', P .. 'attempt:' .. a.key, 'stream') ~= a.stream then return answer({ status = 'passed' }) end
redis.call('ZADD', P .. 'leases', 'LT', now() + a.graceMs, a.key)
return answer({ status = 'shortened' })
