using AkkaRegenCache.Testing.Stores;
using Xunit;

namespace AkkaRegenCache.Testing.Farms;

/// <summary>Calls of a farm's nodes, with time passing until they are answered.</summary>
public static class FarmCalls
{
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(40);

    /// <summary>Of real time.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    /// <summary>Lets time pass until the call is answered. It must be the cache's own task: nobody notices one that is late to follow it.</summary>
    public static async Task<T> AnswerAsync<T>(this Farm farm, Task<T> call)
    {
        await farm.EndAsync(call);
        return await call;
    }

    public static Task<T> AnswerAsync<T>(this Farm farm, ValueTask<T> call) => farm.AnswerAsync(call.AsTask());

    public static async Task AnswerAsync(this Farm farm, ValueTask call)
    {
        var task = call.AsTask();
        await farm.EndAsync(task);
        await task;
    }

    public static async Task<T[]> AnswersAsync<T>(this Farm farm, IEnumerable<Task<T>> calls)
    {
        var all = calls.ToArray();
        await farm.EndAsync(all);
        return await Task.WhenAll(all);
    }

    /// <summary>Lets time pass until the call has failed.</summary>
    public static async Task<TException> FailureAsync<TException>(this Farm farm, Task call)
        where TException : Exception
    {
        await farm.EndAsync(call);
        return await Assert.ThrowsAnyAsync<TException>(() => call);
    }

    public static Task<string> Call(
        this Farm farm,
        int node,
        TestGenerator generator,
        RegenEntryOptions options,
        string key = "key",
        CancellationToken cancellationToken = default) =>
        farm.Node(node).GetOrCreateAsync(key, generator.Run, options, cancellationToken).AsTask();

    /// <summary>Reads a key that must be in the node's memory: nothing is waited for, nobody is asked.</summary>
    public static string Hit(this Farm farm, int node, TestGenerator generator, RegenEntryOptions options, string key = "key")
    {
        var store = farm.StoreOf(node);
        var reads = store.Calls(StoreOperation.Look);
        var call = farm.Call(node, generator, options, key);
        Assert.True(call.IsCompletedSuccessfully, $"node {node} had to wait for '{key}' at {farm.Now}");
        Assert.Equal(reads, store.Calls(StoreOperation.Look));
#pragma warning disable xUnit1031 // It has completed.
        return call.Result;
#pragma warning restore xUnit1031
    }

    /// <summary>Reads a key and lets time pass until there is an answer.</summary>
    public static Task<string> GetAsync(this Farm farm, int node, TestGenerator generator, RegenEntryOptions options, string key = "key") =>
        farm.AnswerAsync(farm.Call(node, generator, options, key));

    public static Task<CacheResult<T>> TryGetAsync<T>(this Farm farm, int node, string key) =>
        farm.AnswerAsync(farm.Node(node).TryGetAsync<T>(key));

    public static Task<ChangeResult> SetAsync<T>(this Farm farm, int node, string key, T value, RegenEntryOptions options) =>
        farm.AnswerAsync(farm.Node(node).SetAsync(key, value, options));

    public static Task RemoveAsync(this Farm farm, int node, string key) => farm.AnswerAsync(farm.Node(node).RemoveAsync(key));

    /// <summary>Lets callers on several threads call all nodes at the same instant; returns when all have called.</summary>
    public static async Task<List<Task<T>>> CallTogetherAsync<T>(
        this Farm farm, IEnumerable<int> nodes, int callersPerNode, Func<int, Task<T>> call)
    {
        var callers = nodes.SelectMany(node => Enumerable.Repeat(node, callersPerNode)).ToList();
        var calls = new Task<T>[callers.Count];
        var together = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        const int Threads = 4;
        var threads = Enumerable.Range(0, Threads).Select(async thread =>
        {
            await together.Task;
            for (var i = thread; i < calls.Length; i += Threads)
                calls[i] = call(callers[i]);
        }).ToList();
        together.SetResult();
        await Task.WhenAll(threads);
        return [.. calls];
    }

    /// <summary>
    /// Waits for something that is more than one call of the cache, and needs no time to pass: its own continuations can't be seen by the farm.
    /// </summary>
    public static Task<T> FinishAsync<T>(this Farm farm, Task<T> work)
    {
        ArgumentNullException.ThrowIfNull(farm);
        return work.WaitAsync(s_patience);
    }

    /// <summary>Turns what a call throws at once into a failed task.</summary>
    public static Task TryCall(Func<Task> call)
    {
        try
        {
            return call();
        }
        catch (Exception e)
        {
            return Task.FromException(e);
        }
    }

    private static async Task EndAsync(this Farm farm, params Task[] calls)
    {
        if (!await farm.AdvanceUntilAsync(() => Array.TrueForAll(calls, call => call.IsCompleted), s_longest))
            throw new TimeoutException($"No answer within {s_longest}. Left over: {string.Join("; ", farm.Leftovers())}");
    }
}
