-- What led to conversions. Tables given: goal, channel, attribution.
CREATE TABLE conversion AS
SELECT case_id, profile, n, at_us, value, coalesce(lag(n) OVER (PARTITION BY case_id, profile ORDER BY n), 0) AS n_before
FROM seen JOIN goal USING (case_id, label);

CREATE TABLE led AS
SELECT c.case_id, c.profile, c.n, c.value, ch.channel, s.at_us,
       row_number() OVER w AS place, count(*) OVER (PARTITION BY c.case_id, c.profile, c.n) AS n_touches,
       max(s.at_us) OVER (PARTITION BY c.case_id, c.profile, c.n) AS at_last, o.half_life_us
FROM conversion c JOIN attribution o USING (case_id) JOIN seen s ON s.case_id = c.case_id AND s.profile = c.profile
     JOIN channel ch ON ch.case_id = s.case_id AND ch.label = s.label
WHERE s.n > c.n_before AND s.n < c.n AND c.at_us - s.at_us <= o.lookback_us
WINDOW w AS (PARTITION BY c.case_id, c.profile, c.n ORDER BY s.n);
