SELECT case_id, count(*), sum(value)::BIGINT, count(*) FILTER (alone), coalesce(sum(value) FILTER (alone), 0)::BIGINT
FROM (SELECT *, NOT EXISTS (FROM led WHERE led.case_id = c.case_id AND led.profile = c.profile AND led.n = c.n) AS alone FROM conversion c)
GROUP BY case_id
