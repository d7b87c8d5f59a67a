namespace AkkaRegenCache.Benchmarks;

/// <summary>Traffic made up to find where a policy breaks: each kind is hard for some policy. Always the same, by its seed.</summary>
internal static class SyntheticTraces
{
    public static IEnumerable<Trace> All()
    {
        yield return Trace.From("zipf", Zipf(400_000, 20_000, 1.0));
        yield return Trace.From("zipf-flat", Zipf(400_000, 20_000, 0.7));
        yield return Trace.From("zipf-scans", ZipfAndScans());
        yield return Trace.From("loop", [.. Enumerable.Range(0, 300_000).Select(i => i % 5_000)]);
        yield return Trace.From("loops-new", [.. Enumerable.Range(0, 400_000).Select(i => (i / 12_800 * 1_600) + (i % 1_600))]);
        yield return Trace.From("twice", [.. Enumerable.Range(0, 200_000).Select(i => i % 2 == 0 ? i / 2 : (i / 2) - 1_500)]);
        yield return Trace.From("shifting", Shifting(500_000, every: 25_000, by: 2_500, range: 5_000));
        yield return Trace.From("drifting", Shifting(500_000, every: 20, by: 1, range: 2_000));
        yield return Trace.From("recency", Recency());
        yield return Trace.From("bursts", Bursts(400_000, shareOfZipf: 0));
        yield return Trace.From("bursts-zipf", Bursts(400_000, shareOfZipf: 50));
    }

    private static int[] Zipf(int requests, int range, double skew)
    {
        var next = new ZipfNumbers(range, skew, seed: 1);
        return [.. Enumerable.Range(0, requests).Select(_ => next.Draw())];
    }

    private static List<int> ZipfAndScans()
    {
        var popular = new ZipfNumbers(10_000, 0.9, seed: 2);
        var requests = new List<int>();
        for (int fresh = 1_000_000; requests.Count < 400_000;)
        {
            for (int i = 0; i < 4_000; i++)
                requests.Add(popular.Draw());
            for (int i = 0; i < 3_000; i++)
                requests.Add(fresh++);
        }

        return requests;
    }

    private static int[] Shifting(int requests, int every, int by, int range)
    {
        var popular = new ZipfNumbers(range, 0.9, seed: 3);
        return [.. Enumerable.Range(0, requests).Select(i => (i / every * by) + popular.Draw())];
    }

    /// <summary>How long ago a key was last used decides alone: the case for which LRU is the best there is.</summary>
    private static List<int> Recency()
    {
        var random = new Random(4);
        var stack = new List<int>();
        var requests = new List<int>();
        for (int i = 0; i < 300_000; i++)
        {
            double depth = (Math.Pow(1 - random.NextDouble(), -1 / 0.6) - 1) * 3;
            int at = depth >= Math.Min(stack.Count, 20_000) ? -1 : stack.Count - 1 - (int)depth;
            int key = at < 0 ? i : stack[at];
            if (at >= 0)
                stack.RemoveAt(at);
            stack.Add(key);
            requests.Add(key);
        }

        return requests;
    }

    /// <summary>Keys that are used up to a dozen times within a while and never again, some among popular ones.</summary>
    private static List<int> Bursts(int count, int shareOfZipf)
    {
        var random = new Random(5);
        var popular = new ZipfNumbers(10_000, 0.9, seed: 6);
        var alive = new List<(int Key, int Uses)>();
        var requests = new List<int>();
        for (int fresh = 100_000; requests.Count < count;)
        {
            if (random.Next(100) < shareOfZipf)
            {
                requests.Add(popular.Draw());
                continue;
            }

            while (alive.Count < 800)
                alive.Add((fresh++, 2 + random.Next(11)));
            int at = random.Next(alive.Count);
            (int key, int uses) = alive[at];
            requests.Add(key);
            alive[at] = uses > 1 ? (key, uses - 1) : alive[^1];
            if (uses == 1)
                alive.RemoveAt(alive.Count - 1);
        }

        return requests;
    }

    private sealed class ZipfNumbers
    {
        private readonly double[] _upTo;
        private readonly Random _random;

        public ZipfNumbers(int range, double skew, int seed)
        {
            _random = new Random(seed);
            _upTo = new double[range];
            double sum = 0;
            for (int i = 0; i < range; i++)
                _upTo[i] = sum += Math.Pow(i + 1, -skew);
        }

        public int Draw()
        {
            int at = Array.BinarySearch(_upTo, _random.NextDouble() * _upTo[^1]);
            return Math.Min(at < 0 ? ~at : at, _upTo.Length - 1);
        }
    }
}
