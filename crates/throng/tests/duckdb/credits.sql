WITH weighed AS (
    SELECT case_id, profile, n, channel, value, unnest(['first', 'last', 'linear', 'position', 'decay']) AS method,
           unnest([(place = 1)::DOUBLE, (place = n_touches)::DOUBLE, 1::DOUBLE,
                   CASE WHEN n_touches <= 2 THEN 1.0 WHEN place IN (1, n_touches) THEN 0.4 ELSE 0.2 / (n_touches - 2) END::DOUBLE,
                   pow(0.5::DOUBLE, (at_last - at_us) / half_life_us)]) AS weight
    FROM led
), shared AS (
    SELECT *, weight / sum(weight) OVER (PARTITION BY case_id, profile, n, method) AS credit FROM weighed
)
SELECT case_id, method, channel, sum(credit), sum(credit * value), count(DISTINCT profile) FROM shared GROUP BY ALL
