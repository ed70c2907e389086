-- Notes where an attempt is. a: key, requestHash, nonce, stage. answers: status = noted | lost
if not holds(a.key, a.nonce) then return answer({ status = 'lost' }) end
redis.call('HSET', build_key(a.requestHash), 'stage', a.stage)
return answer({ status = 'noted' })
