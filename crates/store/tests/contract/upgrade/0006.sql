-- What schema 6 brought: the rows from before, vouched for as one segment a chain, and a row that is sealed into its chain,
-- under the key of `database::sealer`.
INSERT INTO audit_segments (chain, last, row_count, hash, made_ms, key_id, seal)
VALUES ('platform', 0, 1,
        '1840b0de646deb05bf85da02ef24781511ac6051089eb0e57612af28e23b0d1a', 1700000000015, '3bda6125',
        'c11c8f0ab056a4ef62581974491f68f5dad8ebc372c78e3bec53f0e9acb146df'),
       ('019c1b2e-7f00-7aaa-8def-000000000001', 0, 2,
        'b118aa54957a17f86148a2ab371bc7156c0e0dfb37fd77f8449c555cb38410ae', 1700000000016, '3bda6125',
        '4bbb3808c497307a211c6a75e6a0d8b5cb3fa57c597d85275e39efce9ce231f2'),
       ('019c1b2e-7f00-7aaa-8def-000000000002', 0, 1,
        '99e4288f1a1d5d1f0d438edc00f4f60372c4b6719200e3f41b3e3afd9b7b4ea4', 1700000000020, '3bda6125',
        '40d2aff118b1592ed05d5370de515c22053aa668c6a339a12bc3d45d8e8a58c6');
INSERT INTO audit (id, at_ms, account_id, actor, action, target, detail, address, request_id, actor_name, target_name,
    outcome, code, user_agent, jti, chain, sequence, hash, key_id)
VALUES ('019c1b2e-7f00-7fff-8def-000000000005', 1800000000000, '019c1b2e-7f00-7aaa-8def-000000000002', 'user:ada',
        'account.suspended', 'account:019c1b2e-7f00-7aaa-8def-000000000002', 'they asked & waited', '192.0.2.1', 'r-5',
        'ada@example.com', 'held account', 'success', '', 'Firefox', '', '019c1b2e-7f00-7aaa-8def-000000000002', 1,
        '97862e75bcf45c6694f7daff40561ca06dd361b4cd9f610b2a322a2d16e77f29', '3bda6125');
INSERT INTO audit_heads (chain, sequence, hash, key_id, seal)
VALUES ('platform', 0, '1840b0de646deb05bf85da02ef24781511ac6051089eb0e57612af28e23b0d1a', '3bda6125',
        'd07d0fe964c43056c8d7cde621f6c06aa0138dd9b98fc9b6562198a4c635a495'),
       ('019c1b2e-7f00-7aaa-8def-000000000001', 0, 'b118aa54957a17f86148a2ab371bc7156c0e0dfb37fd77f8449c555cb38410ae', '3bda6125',
        '879b6d11b5e759823af983f1273accfae272a5b7df0540891591d6f750332844'),
       ('019c1b2e-7f00-7aaa-8def-000000000002', 1, '97862e75bcf45c6694f7daff40561ca06dd361b4cd9f610b2a322a2d16e77f29', '3bda6125',
        'be9c3de2214f96e158abb7d18cc76c4a9d3f05e15809fe659df5a4c4cdef0917');
