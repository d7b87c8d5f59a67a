namespace AkkaRegenCache.FarmLab.Wire;

/// <summary>A time in which a process made no progress, on the machine's monotonic clock.</summary>
internal readonly record struct Stall(long From, long To);

/// <summary>
/// Measures how much a process is starved: a thread of its own ticks every ten milliseconds, and each tick goes through the thread pool, as
/// all work of the cache does. What a tick comes too late by is a stall. Thread-safe.
/// </summary>
/// <remarks>
/// It can't tell a machine that has no time from a process that blocks its own pool. The report has the sum of all stalls: many of them on
/// an idle machine are a finding.
/// </remarks>
internal sealed class StallMeter
{
    private static readonly TimeSpan s_period = TimeSpan.FromMilliseconds(10);

    /// <summary>Shorter ones are every machine's.</summary>
    private static readonly long s_least = LabClock.Ticks(TimeSpan.FromMilliseconds(25));

    private static readonly Lazy<StallMeter> s_own = new(() => new StallMeter());

    private readonly Lock _gate = new();
    private readonly List<Stall> _stalls = [];
    private long _due = LabClock.After(s_period);
    private int _taken;

    private StallMeter() => new Thread(TickOn) { IsBackground = true, Name = "stall meter" }.Start();

    /// <summary>This process' meter; it ticks from the first use on.</summary>
    public static StallMeter Own => s_own.Value;

    /// <summary>The stalls that nobody has taken yet, and the one that goes on, which will be told again when it is over.</summary>
    public Stall[] Take()
    {
        lock (_gate)
        {
            Stall[] news = [.. _stalls[_taken..], .. Current()];
            _taken = _stalls.Count;
            return news;
        }
    }

    /// <summary>All stalls since a time.</summary>
    public IReadOnlyList<Stall> Since(long from)
    {
        lock (_gate)
            return [.. _stalls.Where(stall => stall.To > from), .. Current()];
    }

    private IEnumerable<Stall> Current()
    {
        var (due, now) = (Volatile.Read(ref _due), LabClock.Now);
        return now - due >= s_least ? [new Stall(due, now)] : [];
    }

    private void TickOn()
    {
        using var hop = new ManualResetEventSlim(initialState: false, spinCount: 0);
        while (true)
        {
            Volatile.Write(ref _due, LabClock.After(s_period));
            Thread.Sleep(s_period);
            hop.Reset();
            ThreadPool.UnsafeQueueUserWorkItem(static hop => hop.Set(), hop, preferLocal: false);
            hop.Wait();
            var stall = new Stall(_due, LabClock.Now);
            if (stall.To - stall.From < s_least)
                continue;
            lock (_gate)
                _stalls.Add(stall);
        }
    }
}
