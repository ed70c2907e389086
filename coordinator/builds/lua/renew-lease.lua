-- Renews the lease of a live attempt, or with `graceMs` shortens it because its stream closed.
-- a: key, nonce, leaseMs | graceMs
-- answers: status = renewed | lost
if not holds(a.key, a.nonce) then return answer({ status = 'lost' }) end
if a.graceMs then
  redis.call('ZADD', P .. 'leases', 'LT', now() + a.graceMs, a.key)
else
  redis.call('ZADD', P .. 'leases', now() + a.leaseMs, a.key)
end
return answer({ status = 'renewed' })
