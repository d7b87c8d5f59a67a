using System.Collections.Concurrent;
using System.Net.Http.Json;
using AkkaRegenCache.FarmLab.Origin;
using AkkaRegenCache.FarmLab.Wire;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaRegenCache.FarmLab.Node;

/// <summary>Uses the cache as it is told to and reports what each call got and when, by timestamps taken here, beside the cache.</summary>
internal sealed class LabNode : IDisposable
{
    private readonly IRegenCache _cache;
    private readonly string _name;
    private readonly HttpClient _origin;
    private readonly ConcurrentDictionary<EntryLife, RegenEntryOptions> _options = new();
    private long _localNumber;

    public LabNode([FromKeyedServices(NodeModes.Cache)] IRegenCache cache, NodeArguments arguments)
    {
        _cache = cache;
        _name = arguments.Name;
        _origin = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 512 })
        {
            BaseAddress = new Uri(arguments.Origin),
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    public async Task<ReadReply> ReadAsync(ReadOrder order)
    {
        var options = OptionsOf(order.Life);
        if (order.StartAt != 0)
            await AtAsync(order.StartAt);
        var calls = new Task<Answer>[order.Keys.Length * order.Callers];
        var i = 0;
        foreach (var key in order.Keys)
        {
            for (var caller = 0; caller < order.Callers; caller++)
                calls[i++] = CallAsync(key, order.IsLocal ? -1 : order.Life.Generator, options);
        }

        var answers = await Task.WhenAll(calls);
        if (order.HoldReply > 0)
            await Task.Delay(order.HoldReply);
        return new ReadReply(_name, answers, StallMeter.Own.Take());
    }

    public async Task<ChangeReply> SetAsync(ChangeOrder order)
    {
        var value = (await _origin.GetFromJsonAsync<LabValue>(OriginProcess.Mark(order.Key, _name)))!;
        return await ChangeAsync(async () =>
        {
            var result = await _cache.SetAsync(order.Key, value, OptionsOf(order.Life));
            return (value, result);
        }, value);
    }

    public Task<ChangeReply> RemoveAsync(ChangeOrder order) => ChangeAsync(async () =>
    {
        return (null, await _cache.RemoveAsync(order.Key));
    });

    /// <summary>With the generator that readers have given here: that one is told its token.</summary>
    public Task<ChangeReply> RefreshAsync(ChangeOrder order) => ChangeAsync(async () =>
        (await _cache.RefreshAsync<LabValue>(order.Key), new ChangeResult(true, 0)));

    /// <summary>A few at a time, as requests come.</summary>
    public async Task<FloodReply> FloodAsync(FloodOrder order)
    {
        try
        {
            var options = new ParallelOptions { MaxDegreeOfParallelism = 32 };
            await Parallel.ForEachAsync(Enumerable.Range(order.First, order.Count), options, async (number, cancellationToken) =>
                await _cache.GetOrCreateAsync($"flood{number}", static _ => new ValueTask<byte[]>(new byte[200]), cancellationToken: cancellationToken));
            return new FloodReply(null);
        }
        catch (Exception e)
        {
            return new FloodReply(Describe(e));
        }
    }

    public async Task<StarveReply> StarveAsync(StarveOrder order)
    {
        var runs = 0;
        var values = new ConcurrentDictionary<string, bool>();
        var answered = new ConcurrentQueue<long>();
        string? error = null;
        await AtAsync(order.StartAt);

        // Threads of the pool, as requests of a synchronous application are.
        await Task.WhenAll(Enumerable.Range(0, order.Callers).Select(_ => Task.Run(() =>
        {
            try
            {
                var value = _cache.GetOrAdd(
                    order.Key,
                    () =>
                    {
                        Interlocked.Increment(ref runs);
                        Thread.Sleep(order.GeneratorMs);
                        return $"made on {_name}";
                    },
                    TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(1));
                values[value] = true;
            }
            catch (Exception e)
            {
                error = Describe(e);
            }

            answered.Enqueue(LabClock.Now);
        })));
        return new StarveReply(
            LabClock.Milliseconds(answered.Min() - order.StartAt), LabClock.Milliseconds(answered.Max() - order.StartAt), runs, values.Count, error);
    }

    public MemoryReply Memory() =>
        new(GC.GetTotalMemory(forceFullCollection: true), Environment.WorkingSet, ((RegenCache)_cache).MemoryEntries);

    public void Dispose() => _origin.Dispose();

    private static async Task<ChangeReply> ChangeAsync(Func<Task<(LabValue?, ChangeResult)>> change, LabValue? attempted = null)
    {
        var started = LabClock.Now;
        try
        {
            var (value, result) = await change();
            return new ChangeReply(started, LabClock.Now, value, result.Accepted, result.IsPending, result.Token, null);
        }
        catch (Exception e)
        {
            return new ChangeReply(started, LabClock.Now, attempted, false, false, 0, Describe(e));
        }
    }

    /// <summary>One caller. It waited if its call wasn't complete when it came back.</summary>
    private async Task<Answer> CallAsync(string key, int milliseconds, RegenEntryOptions options)
    {
        var asked = LabClock.Now;
        var isHit = false;
        try
        {
            var call = _cache.GetOrCreateAsync(
                key,
                (Node: this, Key: key, Milliseconds: milliseconds),
                static (state, context, ct) => state.Node.GenerateAsync(state.Key, context.Token, state.Milliseconds, ct),
                options);
            isHit = call.IsCompletedSuccessfully;
            var value = await call;
            return new Answer(key, value, asked, LabClock.Now, isHit, null);
        }
        catch (Exception e)
        {
            return new Answer(key, null, asked, LabClock.Now, isHit, Describe(e));
        }
    }

    private async ValueTask<LabValue> GenerateAsync(string key, long token, int milliseconds, CancellationToken cancellationToken)
    {
        if (milliseconds < 0)
        {
            var now = LabClock.Now;
            return LabValue.Of(key, Interlocked.Increment(ref _localNumber), token, _name, false, now, now);
        }

        var value = await _origin.GetFromJsonAsync<LabValue>(
            OriginProcess.Generate(key, _name, token, milliseconds), cancellationToken);
        return value!;
    }

    private RegenEntryOptions OptionsOf(EntryLife life) => _options.GetOrAdd(life, static life => life.ToOptions());

    private static string Describe(Exception e) => $"{e.GetType().Name}: {e.Message}";

    /// <summary>Until a moment that all nodes were given, to well below a millisecond.</summary>
    private static async Task AtAsync(long timestamp)
    {
        var early = LabClock.Milliseconds(timestamp - LabClock.Now) - 3;
        if (early > 0)
            await Task.Delay(TimeSpan.FromMilliseconds(early));
        while (LabClock.Now < timestamp)
            Thread.SpinWait(20);
    }
}
