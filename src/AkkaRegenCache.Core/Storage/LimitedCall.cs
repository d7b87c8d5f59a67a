namespace AkkaRegenCache.Storage;

/// <summary>Calls of foreign code that end within a limit, also where it never answers and ignores that it is told to stop.</summary>
internal static class LimitedCall
{
    /// <summary>Makes a call.</summary>
    /// <param name="call">The call. It is told to stop when it is given up; what becomes of it then interests nobody.</param>
    /// <param name="time">Measures the limit.</param>
    /// <param name="limit">The longest it may take.</param>
    /// <param name="late">Says what didn't answer.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="TimeoutException">It didn't answer in time.</exception>
    public static async ValueTask<T> RunAsync<T>(
        Func<CancellationToken, Task<T>> call, TimeProvider time, TimeSpan limit, Func<string> late, CancellationToken cancellationToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var task = call(ending.Token);
        if (task.IsCompleted)
            return await task.ConfigureAwait(false);
        try
        {
            return await task.WaitAsync(limit, time, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception) when (!task.IsCompleted)
        {
            _ = task.ContinueWith(
                static given => _ = given.Exception,
                CancellationToken.None,
                TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
            await ending.CancelAsync().ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            throw new TimeoutException(late());
        }
    }
}
