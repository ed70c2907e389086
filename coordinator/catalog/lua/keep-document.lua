-- Keeps an upstream document that was just fetched, or notes that upstream just confirmed the bytes there are; forgets the
-- documents that were checked least recently where all of them are too many bytes, or were not checked for too long.
-- a: url, tag, etag, lastModified, isConfirmed, maxBytes, keepMs. ARGV[2]: the compressed bytes, empty when there are none.
--
-- document:<url>   hash    tag, etag, lastModified, body, checkedAt, changedAt (absent when its bytes never changed)
-- documents        zset    url by the time it was checked
-- document-sizes   hash    url → bytes, 1024 at least: what upstream does not have weighs something too; the total under
--                          the empty url
local P = 'wrtfarm:'
local a = cjson.decode(ARGV[1])
local body = ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local key = P .. 'document:' .. a.url

local function forget(url)
  local size = tonumber(redis.call('HGET', P .. 'document-sizes', url) or 0)
  if size > 0 then redis.call('HINCRBY', P .. 'document-sizes', '', -size) end
  redis.call('HDEL', P .. 'document-sizes', url)
  redis.call('ZREM', P .. 'documents', url)
  redis.call('DEL', P .. 'document:' .. url)
end

local tag = redis.call('HGET', key, 'tag')
if a.isConfirmed then
  if tag ~= a.tag then return 0 end
else
  local changed_at = tag and tag ~= a.tag and now or redis.call('HGET', key, 'changedAt')
  forget(a.url)
  redis.call('HSET', key, 'tag', a.tag, 'etag', a.etag, 'lastModified', a.lastModified, 'body', body)
  if changed_at then redis.call('HSET', key, 'changedAt', changed_at) end
  local size = math.max(#body, 1024)
  redis.call('HSET', P .. 'document-sizes', a.url, size)
  redis.call('HINCRBY', P .. 'document-sizes', '', size)
end
redis.call('HSET', key, 'checkedAt', now)
redis.call('ZADD', P .. 'documents', now, a.url)
for _, url in ipairs(redis.call('ZRANGEBYSCORE', P .. 'documents', '-inf', now - a.keepMs, 'LIMIT', 0, 100)) do forget(url) end
while tonumber(redis.call('HGET', P .. 'document-sizes', '') or 0) > a.maxBytes do
  local oldest = redis.call('ZRANGE', P .. 'documents', 0, 0)[1]
  if not oldest then break end
  forget(oldest)
end
return 1
