namespace AkkaRegenCache.FarmLab.Wire;

/// <summary>A child's standard input is a pipe that its parent holds and never writes to: its end is the parent's end.</summary>
internal static class ParentWatch
{
    public static Task EndOfInputAsync()
    {
        // A thread of its own: a read of the console can't be cancelled, and mustn't hold one of the pool's.
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                while (Console.In.Read() >= 0)
                {
                }
            }
            catch (IOException)
            {
                // As good as its end.
            }

            ended.TrySetResult();
        })
        { IsBackground = true, Name = "parent watch" }.Start();
        return ended.Task;
    }
}
