using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Farm;

/// <summary>
/// Clients who read all keys on all nodes, over and over: for each place in the farm one, which sends its next request when it is due,
/// whether or not earlier ones have been answered. A client whose node is leaving or gone goes to another.
/// </summary>
internal sealed class ReadLoad : IAsyncDisposable
{
    private const int KeysPerRequest = 10;
    private const int MostUnderWay = 8;

    private readonly Lab _lab;
    private readonly string[][] _batches;
    private readonly EntryLife _epoch;
    private readonly CancellationTokenSource _ending;
    private readonly Task[] _clients;
    private readonly int[] _next;
    private readonly bool _isBalanced;
    private int _underWay;

    private ReadLoad(Lab lab, string[] keys, EntryLife life, TimeSpan period, bool isBalanced)
    {
        _isBalanced = isBalanced;
        _lab = lab;
        _epoch = life;
        _batches = [.. keys.Chunk(KeysPerRequest)];
        _ending = CancellationTokenSource.CreateLinkedTokenSource(lab.Cancellation);
        _next = new int[lab.Options.Nodes];
        _clients = [.. Enumerable.Range(0, lab.Options.Nodes).Select(slot => Task.Run(() => ReadOnAsync(slot, period / _batches.Length)))];
    }

    /// <summary>Starts reading.</summary>
    /// <param name="lab">Where.</param>
    /// <param name="keys">What.</param>
    /// <param name="life">How the entries live.</param>
    /// <param name="period">How often each client reads each key.</param>
    /// <param name="isBalanced">Whether clients leave the node at their place for another when it is not ready; else they wait for it.</param>
    public static ReadLoad Start(Lab lab, string[] keys, EntryLife life, TimeSpan period, bool isBalanced = false) =>
        new(lab, keys, life, period, isBalanced);

    /// <summary>Stops, and waits until what is under way has been answered.</summary>
    public async Task StopAsync(TimeSpan patience)
    {
        await _ending.CancelAsync();
        await Task.WhenAll(_clients);
        try
        {
            await Wait.UntilAsync(() => Volatile.Read(ref _underWay) == 0, patience, "the last reads are answered", _lab.Cancellation);
        }
        catch (TimeoutException)
        {
            _lab.Break(4, $"{Volatile.Read(ref _underWay)} requests were not answered within {patience.TotalSeconds:0} s of the last one's start");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await Task.WhenAll(_clients);
        _ending.Dispose();
    }

    private async Task ReadOnAsync(int slot, TimeSpan period)
    {
        using var timer = new PeriodicTimer(period);
        var batch = 0;
        var perSlot = new Counter();
        try
        {
            while (await timer.WaitForNextTickAsync(_ending.Token))
            {
                if (NodeFor(slot) is { } node && perSlot.Value < MostUnderWay)
                    _ = RequestAsync(node, _batches[batch++ % _batches.Length], perSlot);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }

    private FarmNode? NodeFor(int slot)
    {
        var nodes = _lab.Farm.Nodes;
        var own = nodes.FirstOrDefault(node => node.Slot == slot);
        if (!_isBalanced)
            return own;
        if (own is { IsDown: false, IsLeaving: false })
            return own;
        var ready = nodes.Where(node => node.IsInService).ToList();
        return ready.Count == 0 ? null : ready[_next[slot]++ % ready.Count];
    }

    private async Task RequestAsync(FarmNode node, string[] keys, Counter perSlot)
    {
        // A stopped node is asked all the same, as clients would; it answers when it goes on. A dead one is left alone.
        Interlocked.Increment(ref _underWay);
        perSlot.Add(1);
        try
        {
            _lab.Journal.Add(await node.ReadAsync(new ReadOrder(keys, 1, _epoch), _lab.Cancellation));
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            if (!node.IsDown)
                _lab.Journal.AddLostRequest($"a request to {node.Name}, which was in good health, got no answer: {e.Message}");
        }
        catch (OperationCanceledException)
        {
            // The lab is being ended, or the node's connection was taken down with it.
        }
        catch (ObjectDisposedException)
        {
            // The node has been replaced.
        }
        finally
        {
            perSlot.Add(-1);
            Interlocked.Decrement(ref _underWay);
        }
    }

    private sealed class Counter
    {
        private int _value;

        public int Value => Volatile.Read(ref _value);

        public void Add(int by) => Interlocked.Add(ref _value, by);
    }
}
