-- The messages of a build are on NATS. Of one that took its place meanwhile they are still to come.
-- a: requestHash, generation ('' for none). answers: status = noted | other
if (redis.call('HGET', build_key(a.requestHash), 'generation') or '') ~= a.generation then
  return answer({ status = 'other' })
end
redis.call('ZREM', P .. 'unpublished', a.requestHash)
return answer({ status = 'noted' })
