using System.Collections.Concurrent;

namespace AkkaRegenCache.Testing.Farms;

/// <summary>A generator that counts its runs. What it makes is "name 1", "name 2" and so on. Thread-safe.</summary>
public sealed class TestGenerator
{
    private readonly Farm _farm;
    private readonly string _name;
    private readonly ConcurrentQueue<TimeSpan> _starts = new();
    private int _runs;
    private int _running;
    private int _mostAtOnce;
    private int _cancelled;

    public TestGenerator(Farm farm, TimeSpan takes = default, string name = "value")
    {
        _farm = farm;
        _name = name;
        Body = async (_, cancellationToken) => await _farm.DelayAsync(takes, cancellationToken);
        Run = RunAsync;
    }

    /// <summary>What a run does before it returns its value; may be replaced at any time. Gets the number of the run, from 1.</summary>
    public Func<int, CancellationToken, ValueTask> Body { get; set; }

    /// <summary>The generator: always the same delegate.</summary>
    public Func<CancellationToken, ValueTask<string>> Run { get; }

    public int Runs => Volatile.Read(ref _runs);

    public int Running => Volatile.Read(ref _running);

    public int MostAtOnce => Volatile.Read(ref _mostAtOnce);

    /// <summary>Runs that ended because they were cancelled.</summary>
    public int Cancelled => Volatile.Read(ref _cancelled);

    /// <summary>When each run began.</summary>
    public IReadOnlyList<TimeSpan> Starts => [.. _starts];

    public TimeSpan LastStart => _starts.IsEmpty ? TimeSpan.MinValue : Starts[^1];

    public string Value(int run) => $"{_name} {run}";

    /// <summary>Makes all further runs wait at a gate.</summary>
    public Gate Shut(bool obeysCancellation = true)
    {
        var gate = _farm.NewGate();
        Body = async (_, cancellationToken) => await gate.PassAsync(obeysCancellation ? cancellationToken : CancellationToken.None);
        return gate;
    }

    private async ValueTask<string> RunAsync(CancellationToken cancellationToken)
    {
        var run = Interlocked.Increment(ref _runs);
        _starts.Enqueue(_farm.Now);
        var running = Interlocked.Increment(ref _running);
        int most;
        while (running > (most = MostAtOnce) && Interlocked.CompareExchange(ref _mostAtOnce, running, most) != most)
        {
        }

        try
        {
            await Body(run, cancellationToken);
            return Value(run);
        }
        catch (OperationCanceledException)
        {
            Interlocked.Increment(ref _cancelled);
            throw;
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }
}
