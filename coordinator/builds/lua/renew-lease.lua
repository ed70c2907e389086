-- Renews the lease of a live attempt; one that lasts longer than any build may is not renewed any more.
-- a: key, nonce, leaseMs, attemptMs
-- answers: status = renewed | lost
if not holds(a.key, a.nonce) or is_overdue(a.key, a.attemptMs) then return answer({ status = 'lost' }) end
redis.call('ZADD', P .. 'leases', now() + a.leaseMs, a.key)
return answer({ status = 'renewed' })
