-- A report over an attached database in memory, which goes away whole when it is detached; then light work. The last
-- line tells the laboratory how long the report took: 'now' is the moment at which a statement began.
CREATE TEMP TABLE clock(moment REAL);
INSERT INTO clock SELECT julianday('now');
ATTACH ':memory:' AS burst;
CREATE TABLE burst.event(id INTEGER PRIMARY KEY, kind TEXT, customer INTEGER, body TEXT);
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 250000)
INSERT INTO burst.event SELECT n, 'kind ' || (n * 7919 % 101), n * 104729 % 5003,
    substr('a body of some length that depends on its number, as bodies do. ' || hex(n) || replace(hex(zeroblob(n % 200)), '00', 'xy'), 1, 60 + n % 400)
    FROM i;
CREATE INDEX burst.event_by_customer ON event(customer, kind);
SELECT kind, count(*), count(DISTINCT customer), sum(length(body)) FROM burst.event GROUP BY kind ORDER BY 4 DESC LIMIT 3;
SELECT count(*), sum(length(list)) FROM (SELECT customer, json_group_array(json_object('id', id, 'kind', kind)) AS list FROM burst.event GROUP BY customer);
SELECT sum(length(t)) FROM (SELECT group_concat(body, ' ') AS t FROM (SELECT customer, body FROM burst.event ORDER BY body) GROUP BY customer);
DETACH burst;
INSERT INTO clock SELECT julianday('now');
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 3800000) SELECT max(length(upper('light work ' || n))) FROM i;
SELECT printf('lab: result operations=250000 seconds=%.4f', (max(moment) - min(moment)) * 86400) FROM clock;
