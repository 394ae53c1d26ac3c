SELECT case_id, count(DISTINCT (profile, journey)) - (SELECT count(DISTINCT (k.profile, k.journey)) FROM track k WHERE k.case_id = touch.case_id)
FROM touch GROUP BY case_id
