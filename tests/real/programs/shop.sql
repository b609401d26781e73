-- A shop: 250,000 orders of 3,000 customers, with text long enough to need overflow pages now and then.
PRAGMA cache_size = -4000;
PRAGMA temp_store = MEMORY;
CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT, note TEXT);
CREATE TABLE product(id INTEGER PRIMARY KEY, name TEXT, price INTEGER CHECK (price > 0), picture BLOB);
CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customer, product INTEGER, n INTEGER, day TEXT);
CREATE TABLE history(action TEXT, id INTEGER);
CREATE TRIGGER gone AFTER DELETE ON orders BEGIN INSERT INTO history VALUES ('delete', old.id); END;

BEGIN;
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 3000)
INSERT INTO customer SELECT n, printf('customer %05d', (n * 7919) % 3000), 'city ' || (n % 97),
    substr(replace(hex(zeroblob(n % 900)), '00', printf('%x ', n)), 1, n % 3000) FROM i;
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 500)
INSERT INTO product SELECT n, 'product ' || n, 100 + (n * 104729) % 9900, zeroblob(n * 37) FROM i;
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 250000)
INSERT INTO orders SELECT n, 1 + (n * 7927) % 3000, 1 + (n * 7933) % 500, 1 + n % 9,
    date('2020-01-01', '+' || (n % 1500) || ' days') FROM i;
COMMIT;
CREATE INDEX orders_by_customer ON orders(customer, day);
CREATE INDEX customer_by_city ON customer(city, name);
ANALYZE;

SELECT city, count(*), sum(n * price) AS turnover FROM orders JOIN customer ON customer.id = orders.customer
    JOIN product ON product.id = orders.product GROUP BY city ORDER BY turnover DESC LIMIT 20;
SELECT substr(day, 1, 7) AS month, count(DISTINCT customer), avg(n), max(price) FROM orders
    JOIN product ON product.id = product GROUP BY month ORDER BY month;
SELECT name, day, n, sum(n) OVER (PARTITION BY customer ORDER BY day, orders.id), rank() OVER (ORDER BY n DESC, day, orders.id)
    FROM orders JOIN customer ON customer.id = customer WHERE customer < 40 ORDER BY customer, day, orders.id;
SELECT length(group_concat(name, ';')), min(name), max(name) FROM (SELECT name FROM customer ORDER BY name);
SELECT city, json_group_array(json_object('name', name, 'words', json_array(length(note), upper(substr(note, 1, 8)))))
    FROM (SELECT * FROM customer WHERE id % 50 = 0 ORDER BY city, id) GROUP BY city ORDER BY city;
WITH RECURSIVE tree(id, depth, path) AS (
    SELECT 1, 0, '1' UNION ALL SELECT id * 2 + b, depth + 1, path || '/' || (id * 2 + b)
        FROM tree, (SELECT 0 AS b UNION SELECT 1) WHERE depth < 11)
SELECT depth, count(*), max(length(path)), sum(length(path)) FROM tree GROUP BY depth;

BEGIN;
DELETE FROM orders WHERE id % 7 = 0;
UPDATE customer SET note = note || note WHERE id % 3 = 0;
SELECT count(*), (SELECT count(*) FROM history) FROM orders;
ROLLBACK;
SELECT count(*), (SELECT count(*) FROM history), (SELECT sum(length(note)) FROM customer) FROM orders;
DELETE FROM orders WHERE customer IN (SELECT id FROM customer WHERE city = 'city 13');
UPDATE product SET picture = randomblob(length(picture) * 2) WHERE id % 2;
SELECT sum(length(picture)), count(*) FROM product;
VACUUM;
SELECT count(*), sum(n), min(day), max(day), (SELECT count(*) FROM history) FROM orders;
SELECT 'integrity', integrity_check FROM pragma_integrity_check;
