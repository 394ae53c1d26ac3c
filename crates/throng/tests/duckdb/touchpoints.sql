SELECT case_id, label, count(*), count(DISTINCT profile), sum(value)::BIGINT FROM seen GROUP BY ALL
