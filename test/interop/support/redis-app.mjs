// A program with the Redis driver, run with synfin/register: what it saw as one line of JSON.
import { createClient, RESP_TYPES } from '@redis/client';

const client = createClient({ url: 'redis://10.9.0.1:6379' });
client.on('error', (error) => console.error(error.message));
await client.connect();
const seen = {};

const large = Buffer.alloc(2_000_000, 'synfin');
await client.set('large', large);
const back = await client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }).get('large');
seen.large = back.equals(large);

// All at once: the driver pipelines them.
const counted = await Promise.all(Array.from({ length: 5000 }, () => client.incr('counter')));
seen.pipelined = counted.every((value, i) => value === i + 1);
seen.transaction = await client.multi().set('a', 1).incrBy('a', 41).get('a').exec();

const subscriber = client.duplicate();
await subscriber.connect();
const heard = [];
await subscriber.subscribe('news', (message) => heard.push(message));
for (let i = 0; i < 100; i++) await client.publish('news', `${i}`);
while (heard.length < 100) await new Promise((resolve) => setTimeout(resolve, 5));
seen.heard = heard.every((message, i) => message === `${i}`);

seen.clients = (await client.sendCommand(['CLIENT', 'LIST'])).match(/ addr=10\.9\.0\.2:\d+/g).length;
seen.blocked = await client.sendCommand(['BLPOP', 'nothing', '0.1']);
await subscriber.close();
await client.close();
seen.kernel = process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP'));
console.log(JSON.stringify(seen));
